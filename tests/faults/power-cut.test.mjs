// power-cut.test.mjs: a gateway whose power was cut, on a thousand different disks.
import { checkPowerCuts } from './power-cut-check.mjs'

checkPowerCuts({ states: 1000, chain_every: 50 })
