// scope.mjs: the after() of a test, for what several tests share.

/** Something to hand over as `t`; end() does what was put off, in the order in which it came. */
export function makeScope() {
  const hooks = []
  return { after: (fn) => hooks.push(fn), async end() { for (const fn of hooks.splice(0)) await fn() } }
}
