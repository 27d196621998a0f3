import { spawnSync } from 'node:child_process'

function reason(): string | false {
  const { status, stderr, error } = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', '--', '/bin/true'])
  if (status === 0) return false
  const why = error ? 'bubblewrap is not installed' : `bubblewrap does not work here: ${String(stderr).trim()}`
  if (process.env.CI) throw new Error(why)
  return why
}

/** Why tests with a sandbox are left out on this machine; false where it works. In CI it must. */
export const SANDBOX_MISSING = reason()
