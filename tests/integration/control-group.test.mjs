// control-group.test.mjs: on the gateway itself, members of group gatepost need no token; the group is looked up before the sandbox closes.
import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.mjs'
import { makeWorld } from '../support/world.mjs'

const GROUPS = 'root:x:0:\nothers:x:4711:\ngatepost:x:4712:somebody\n'

/** A gateway on a host whose groups are these; the socket. */
async function socketOf(t, groups) {
  const world = await makeWorld(t), dir = join(world.dir, 'gateway'), file = join(world.dir, 'group')
  await writeFile(file, groups)
  const host = { enter: ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/group && exec "$@"', file] }
  await startGateway(t, { dir, conf: world.config({ dir }), host })
  return stat(join(dir, 'run/control.sock'))
}

test('group gatepost has the control socket', async (t) => {
  const { gid, mode } = await socketOf(t, GROUPS)
  assert.equal(gid, 4712)
  assert.equal(mode & 0o777, 0o660)
})

test('without such a group it stays with the group that the daemon runs as', async (t) => {
  const { gid } = await socketOf(t, GROUPS.replace('gatepost:', 'gateposts:'))
  assert.equal(gid, process.getgid())
})
