// power-cut.long.test.mjs: as power-cut.test.mjs, of ten lives, with twenty times as many disks.
import { checkPowerCuts } from './power-cut-check.mjs'

for (let life = 1; life <= 10; life++) checkPowerCuts({ states: 2000, chain_every: 50, life })
