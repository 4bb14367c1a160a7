// power-cut.test.mjs: a gateway whose power was cut, on a thousand different disks of three lives.
import { checkPowerCuts } from './power-cut-check.mjs'

checkPowerCuts({ life: 'first', states: 400 })
checkPowerCuts({ life: 'mended', states: 300, twice: { lives: 2, states: 30 }, subsets: 1 })
checkPowerCuts({ life: 'alone', states: 250, twice: { lives: 2, states: 30 }, subsets: 1 })
