// kill.test.mjs: kill.mjs with the normal tier's number. KILLS, SEED: others.
import { killedUnderLoad } from './kill.mjs'

killedUnderLoad({ kills: Number(process.env.KILLS ?? 500), seed: Number(process.env.SEED ?? 1) })
