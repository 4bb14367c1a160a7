// kill.long.test.mjs: kill.test.mjs with chapter 9's number of kills. KILLS, SEED: others.
import { killedUnderLoad } from './kill.mjs'

killedUnderLoad({ kills: Number(process.env.KILLS ?? 10000), seed: Number(process.env.SEED ?? 2), publish_ms: 4000 })
