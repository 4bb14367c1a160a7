// kill-fetch.test.mjs: a gateway that is killed while it fetches goes on where it was.
import { killed } from './kill-fetch-check.mjs'

killed(12, 1)
