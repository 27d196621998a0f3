import { statSync } from 'node:fs'
import { about, type Check, type Records } from './finding.ts'

type Folder = { path: string; writtenBy: 'me' | 'others' }

/** Folders where others drop things, by the names that systems give them. */
const DROPS = /\/(downloads|incoming|public|shared|dropbox)(\/|$)/i

/** Folders open to tools that others on this machine can write into, above all those that count as yours alone. */
export const folders: Check<Records> = ({ rows }) => {
  const all = rows<Folder>('SELECT path, written_by AS writtenBy FROM filesystem_whitelist ORDER BY path')
  const those = (fits: (folder: Folder, mode: number) => boolean) =>
    all.filter((folder) => fits(folder, modeOf(folder.path) ?? 0)).map(({ path }) => path)
  const fix = 'Say under Settings, Whitelists that others write there, or take their right to write: chmod go-w.'
  return [
    ...about(
      those(({ writtenBy }, mode) => writtenBy === 'me' && (mode & 0o002) !== 0),
      {
        id: 'folders-mine-open',
        severity: 'critical',
        title: 'Everybody on this machine can write where files count as your own words.',
        detail: (list) => `${list}.`,
        fix,
      },
    ),
    ...about(
      those(({ writtenBy }, mode) => writtenBy === 'me' && (mode & 0o022) === 0o020),
      {
        id: 'folders-mine-group',
        severity: 'warning',
        title: 'A group on this machine can write where files count as your own words.',
        detail: (list) => `${list}.`,
        fix,
      },
    ),
    ...about(
      those(({ writtenBy, path }) => writtenBy === 'me' && DROPS.test(path)),
      {
        id: 'folders-mine-drop',
        severity: 'warning',
        title: 'Files count as your own words in a folder that by its name takes what others send.',
        detail: (list) => `${list}.`,
        fix: 'Say under Settings, Whitelists that others write there.',
      },
    ),
    ...about(
      those(({ writtenBy }, mode) => writtenBy === 'others' && (mode & 0o002) !== 0),
      {
        id: 'folders-open',
        severity: 'info',
        title: 'Everybody on this machine can write into folders that Steward works in.',
        detail: (list) => `${list}.`,
        fix: 'Take their right to write, if they need none: chmod o-w.',
      },
    ),
    ...about(
      all.map(({ path }) => path).filter((path) => modeOf(path) === undefined),
      {
        id: 'folders-gone',
        severity: 'info',
        title: 'Folders on the list are not there.',
        detail: (list) => `${list}. Whatever is put there later would be open to tools.`,
        fix: 'Take them off the list under Settings, Whitelists.',
      },
    ),
  ]
}

function modeOf(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined || process.platform === 'win32' ? found && 0 : found.mode & 0o777
}

/** Sites that are trusted although nobody here chose them, and those that may be told private things. */
export const domains: Check<Records> = ({ rows }) => {
  const names = (sql: string) => rows<{ domain: string }>(sql).map(({ domain }) => domain)
  return [
    ...about(names("SELECT domain FROM web_whitelist WHERE note LIKE '%there from the start%' ORDER BY domain"), {
      id: 'domains-default',
      severity: 'info',
      title: 'Some sites were trusted from the start.',
      detail: (list) => `Steward may open ${list} without asking, until it has read what others wrote.`,
      fix: 'Take those you do not use off the list under Settings, Whitelists; a note of your own keeps one without a word here.',
    }),
    ...about(names('SELECT domain FROM web_whitelist WHERE private_ok = 1 ORDER BY domain'), {
      id: 'domains-private',
      severity: 'info',
      title: 'Some sites may be opened also after reading private things or what others wrote.',
      detail: (list) => `An address can carry what was read to ${list}.`,
      fix: 'Leave that to sites of your own; change it under Settings, Whitelists.',
    }),
  ]
}
