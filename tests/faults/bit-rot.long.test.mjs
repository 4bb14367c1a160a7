// bit-rot.long.test.mjs: 10,000 faults under load, in four runs of their own seeds. BIT_ROT_FAULTS: in all; BIT_ROT_SEED is the first.
import { checkBitRot } from './bit-rot-check.mjs'

const RUNS = 4, faults = Number(process.env.BIT_ROT_FAULTS ?? 10000) / RUNS, seed = Number(process.env.BIT_ROT_SEED ?? 100)

for (let i = 0; i < RUNS; i++) checkBitRot({ faults, seed: seed + i * 2, timeout: 3600000 })
