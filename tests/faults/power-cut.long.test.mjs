// power-cut.long.test.mjs: as power-cut.test.mjs, with twenty times as many disks of five recordings of each life.
import { checkPowerCuts } from './power-cut-check.mjs'

for (let nth = 1; nth <= 5; nth++) {
  checkPowerCuts({ life: 'alone', states: 900, twice: { lives: 5, states: 50 }, subsets: 5, nth })
  checkPowerCuts({ life: 'mended', states: 1100, twice: { lives: 5, states: 50 }, subsets: 5, nth })
  checkPowerCuts({ life: 'first', states: 2000, twice: { lives: 5, states: 50 }, subsets: 3, nth })
}
