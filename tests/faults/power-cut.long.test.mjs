// power-cut.long.test.mjs: as power-cut.test.mjs, with forty times as many disks of four recordings of each life.
import { checkPowerCuts } from './power-cut-check.mjs'

for (let nth = 1; nth <= 4; nth++) {
  checkPowerCuts({ life: 'alone', states: 900, twice: { lives: 5, states: 50 }, subsets: 5, nth })
  checkPowerCuts({ life: 'mended', states: 1100, twice: { lives: 5, states: 50 }, subsets: 5, nth })
  checkPowerCuts({ life: 'first', states: 2000, twice: { lives: 5, states: 50 }, subsets: 3, nth })
}
