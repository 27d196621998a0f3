import type { PathFact } from '../agent/tool.ts'

/** The lists a path is held against. Paths are absolute, with symbolic links resolved. */
export type PathLists = {
  /** Folders the owner opened. */
  folders: readonly { path: string }[]
  /** Folders that stay closed whatever was opened: DATA_DIR, the program, /proc, /sys, /dev, /etc. */
  neverPaths: readonly string[]
  /** The user's own folder inside DATA_DIR: open to their runs, and the one exception to `neverPaths`. */
  ownFiles: string | undefined
}

export type HousePlaces = {
  dataDir: string
  programDir: string
  home: string
  neverPaths: readonly string[]
  ownFiles?: string | undefined
}

/** What operating systems, desktops and interpreters run or obey without being told to. */
const SELF_RUNNING_NAMES = new Set(
  'autorun.inf desktop.ini authorized_keys authorized_keys2 crontab rc.local sitecustomize.py usercustomize.py'.split(
    ' ',
  ),
)
const SELF_RUNNING_ENDINGS = /\.(desktop|service|timer|socket|plist|lnk|url|scf|pth)$/
const SELF_RUNNING_FOLDERS = new Set(
  (
    'autostart startup launchagents launchdaemons systemd init.d profile.d crontabs cron.d cron.daily cron.hourly ' +
    'cron.weekly cron.monthly'
  ).split(' '),
)

/**
 * Why no tool may touch this path (security rule 3), in a sentence for the model and the owner; undefined when it may
 * be thought about. Prefixes are compared segment by segment.
 */
export function pathRefusal(fact: PathFact, lists: PathLists): string | undefined {
  const { path } = fact
  const own = lists.ownFiles !== undefined && isInside(path, lists.ownFiles)
  if (!own && lists.neverPaths.some((never) => isInside(path, never)))
    return `This place is closed to tools. ${ELSEWHERE}`
  const refusal = nameRefusal(own ? path.slice(lists.ownFiles!.length) : path)
  if (refusal !== undefined) return refusal
  if (fact.hardLinks > 1) return 'This file has several names on the disk (hard links). Use a copy that has one name.'
  if (own || lists.folders.some((folder) => isInside(path, folder.path))) return undefined
  return `This path, with its links followed, is in no folder that is open. ${ELSEWHERE}`
}

/**
 * Why a folder may not be opened to tools at all, in a sentence that says what to do; undefined when it may. `path` is
 * absolute with its links resolved.
 */
export function folderRefusal(path: string, places: HousePlaces): string | undefined {
  if (!path.startsWith('/')) return 'Give the whole path of the folder, starting with "/".'
  if (isInside('/home', path) || isInside('/Users', path) || isInside(places.home, path) || isHome(path)) {
    return `${path} is a home folder or holds one. Choose a folder inside it, such as ${places.home}/Documents.`
  }
  if (isInside(places.dataDir, path)) return `${path} holds Steward's own data. Choose another folder.`
  const own = places.ownFiles !== undefined && isInside(path, places.ownFiles)
  const closed = own ? [] : [places.dataDir, places.programDir, ...places.neverPaths]
  if (closed.some((never) => isInside(path, never))) return `${path} always stays closed. Choose another folder.`
  return nameRefusal(own ? path.slice(places.ownFiles!.length) : path)
}

/** Whether a path is a folder or lies under it. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

const ELSEWHERE = 'Choose a place in one of the open folders.'

function nameRefusal(path: string): string | undefined {
  const names = path.split('/').map(visible)
  if (names.some((name) => name.startsWith('.'))) {
    return 'This path is hidden or in a hidden folder. Use one without names that start with a dot.'
  }
  if (!names.some(isSelfRunning)) return undefined
  return 'This path has a name that systems act on by themselves. Use another name.'
}

function isHome(path: string): boolean {
  return path === '/root' || /^\/(home|Users)\/[^/]+$/.test(path)
}

function isSelfRunning(visibleName: string): boolean {
  const name = visibleName.replace(/[. ]+$/, '')
  return SELF_RUNNING_NAMES.has(name) || SELF_RUNNING_FOLDERS.has(name) || SELF_RUNNING_ENDINGS.test(name)
}

/** A name as the laxest file system would read it: without case, invisible characters and look-alikes. */
function visible(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .toLowerCase()
}
