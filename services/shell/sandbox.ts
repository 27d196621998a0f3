import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isInside } from '../policy/paths.ts'
import { coveredIn, type Covered } from './hidden.ts'

/** A folder that a command may see, under the path it has. */
export type Shown = { path: string; writable: boolean }

export type Room = {
  folders: readonly Shown[]
  /** Places that stay closed even where the system's own programs lie around them. */
  closed: readonly string[]
  network: boolean
}

const TMP_BYTES = 256 * 1024 ** 2
const SYSTEM_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const SYSTEM_FILES = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime', '/etc/ssl', '/etc/ca-certificates']
const NETWORK_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/services']
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8', TERM: 'dumb' }

/** Where bubblewrap is, by PATH. */
export function findBubblewrap(path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, 'bwrap'))
    .find((file) => existsSync(file))
}

/**
 * The arguments of bubblewrap for a room in which the system's programs are read-only, /tmp is its own, and of the disk
 * there are the given folders alone, without what no tool may touch in them. `left` are folders with too much in them to be sure of that; they are
 * not shown. Without `network` there is none, not even loopback. (bwrap(1))
 */
export async function roomOf({ folders, closed, network }: Room): Promise<{ args: string[]; left: string[] }> {
  const there = folders.filter(({ path }) => existsSync(path))
  const looked = await Promise.all(there.map(async (one) => ({ ...one, covered: await coveredIn(one.path) })))
  const shown = looked.flatMap(({ covered, ...one }) => (covered ? [{ ...one, covered }] : []))
  const files = network ? [...SYSTEM_FILES, ...NETWORK_FILES] : SYSTEM_FILES
  const args = [
    ...['--unshare-all', ...(network ? ['--share-net'] : []), '--die-with-parent', '--new-session', '--clearenv'],
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--ro-bind', '/usr', '/usr'],
    ...SYSTEM_FOLDERS.flatMap(asItIs),
    ...files.flatMap((file) => ['--ro-bind-try', file, file]),
    ...['--proc', '/proc', '--dev', '/dev', '--size', String(TMP_BYTES), '--tmpfs', '/tmp'],
    ...closed.filter((place) => isInside(place, '/usr')).flatMap(emptied),
    ...shown.flatMap(({ path, writable }) => [writable ? '--bind' : '--ro-bind', path, path]),
    ...shown.flatMap(({ covered }) => covered.flatMap(cover)),
    ...['--chdir', shown[0]?.path ?? '/tmp'],
  ]
  return { args, left: looked.filter(({ covered }) => covered === undefined).map(({ path }) => path) }
}

/** Debian's /bin is a link into /usr, others' a folder of its own. */
function asItIs(folder: string): string[] {
  if (!existsSync(folder)) return []
  return lstatSync(folder).isSymbolicLink()
    ? ['--symlink', readlinkSync(folder), folder]
    : ['--ro-bind', folder, folder]
}

const emptied = (path: string): string[] => ['--size', '4096', '--tmpfs', path, '--remount-ro', path]

const cover = ({ path, folder }: Covered): string[] => (folder ? emptied(path) : ['--ro-bind', '/dev/null', path])
