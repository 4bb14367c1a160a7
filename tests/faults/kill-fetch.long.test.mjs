// kill-fetch.long.test.mjs: kill-fetch.test.mjs with chapter 9's number of kills.
import { killed } from './kill-fetch-check.mjs'

killed(200, 2)
