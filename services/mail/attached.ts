import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { PathFact } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { withFileFaults } from '../files/faults.ts'
import { canonicalPathNow, closing, openFile, pathFact } from '../files/open.ts'
import type { OutgoingFile } from './compose.ts'

/** A file that goes along: where it is, and what was in it when it was looked at. */
export type Attached = { fact: PathFact; sha256: string | null }

const MIB = 1024 * 1024
export const MOST_ATTACHED_BYTES = 20 * MIB

/**
 * Looks at the files that are to go along. What `closed` says no to is named but not opened, so that nobody learns what lies there;
 * the policy refuses it.
 */
export async function lookAtFiles(paths: readonly string[], closed: (fact: PathFact) => boolean): Promise<Attached[]> {
  const facts = await Promise.all(paths.map((path) => pathFact(path)))
  const found: Attached[] = []
  let room = MOST_ATTACHED_BYTES
  for (const fact of facts) {
    const content = closed(fact) ? undefined : await contentOf(fact.path, room)
    room -= content?.length ?? 0
    found.push({ fact, sha256: content === undefined ? null : hashOf(content) })
  }
  return found
}

/** The very files that were looked at. Throws `conflict` where one has changed since. */
export async function readFiles(files: readonly Attached[]): Promise<OutgoingFile[]> {
  const read: OutgoingFile[] = []
  let room = MOST_ATTACHED_BYTES
  for (const { fact, sha256 } of files) {
    const content = await contentOf(fact.path, room)
    room -= content.length
    if (hashOf(content) !== sha256)
      throw new AppError('conflict', `${basename(fact.path)} was changed in the meantime. Look at it again first.`)
    read.push({ name: basename(fact.path), content })
  }
  return read
}

/** By which an approval is bound to what is in the file. */
export function pinOf({ fact, sha256 }: Attached): string {
  return `${fact.path}#${sha256 ?? 'closed'}`
}

/** Bytes of the file that a path leads to now; undefined where there is none. */
export function sizeNow(path: string): number | undefined {
  return statSync(canonicalPathNow(path), { throwIfNoEntry: false })?.size
}

function contentOf(path: string, room: number): Promise<Buffer> {
  return withFileFaults(async () => {
    const file = await openFile(path)
    return closing(file, async () => {
      if ((await file.stat()).size > room) throw tooLarge()
      const content = await file.readFile()
      if (content.length > room) throw tooLarge()
      return content
    })
  })
}

const tooLarge = () =>
  new AppError('too_large', `Attachments may have ${MOST_ATTACHED_BYTES / MIB} MiB together. Leave some out.`)

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
