// power-cut.long.test.mjs: as power-cut.test.mjs, with twenty times as many disks, of four recordings of each life; 20,000 is what chapter 9 asks for.
import { checkPowerCuts, checkSum } from './power-cut-check.mjs'

for (let nth = 1; nth <= 4; nth++) {
  checkPowerCuts({ life: 'alone', states: 900, twice: { lives: 5, states: 50 }, least: { once: 1310, twice: 1150 }, subsets: 5, nth })
  checkPowerCuts({ life: 'mended', states: 1200, twice: { lives: 5, states: 50 }, least: { once: 1300, twice: 950 }, subsets: 5, nth })
  checkPowerCuts({ life: 'first', states: 2000, twice: { lives: 5, states: 50 }, least: { once: 2345, twice: 300 }, subsets: 3, nth })
}
checkSum({ once: 20_000, twice: 10_000 })
