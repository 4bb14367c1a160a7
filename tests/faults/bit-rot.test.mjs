// bit-rot.test.mjs: 500 faults under load. BIT_ROT_SEED and BIT_ROT_FAULTS are for other runs than the usual one.
import { checkBitRot } from './bit-rot-check.mjs'

checkBitRot({ faults: Number(process.env.BIT_ROT_FAULTS ?? 500), seed: Number(process.env.BIT_ROT_SEED ?? 1), timeout: 900000 })
