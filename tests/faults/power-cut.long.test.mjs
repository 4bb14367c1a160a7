// power-cut.long.test.mjs: as power-cut.test.mjs, of each life five recordings, with twenty times as many disks.
import { checkPowerCuts } from './power-cut-check.mjs'

for (let nth = 1; nth <= 5; nth++) {
  checkPowerCuts({ life: 'first', states: 2000, subsets: 5, nth })
  checkPowerCuts({ life: 'mended', states: 1200, subsets: 5, nth })
  checkPowerCuts({ life: 'alone', states: 900, subsets: 5, nth })
}
