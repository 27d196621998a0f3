import { existsSync } from 'node:fs'
import { z } from 'zod'
import { operation, type Reach, type Tool } from '../agent/tool.ts'
import { createFileChanges } from '../files/change.ts'
import { withFileFaults } from '../files/faults.ts'
import type { FileLabels } from '../files/labels.ts'
import { listFolder, type Entry, type Listing } from '../files/listing.ts'
import { canonicalPath, canonicalPathNow, closing, openFile, openFolder, pathFact } from '../files/open.ts'
import { readText } from '../files/read.ts'
import type { Trash } from '../files/trash.ts'
import { isInside } from '../policy/paths.ts'
import { lazy } from '../shapes/lazy.ts'
import { joinLabels, type Integrity, type Labels } from '../shapes/labels.ts'
import { escapedName, grouped, pageLine, pageOf, shownPath } from './wording.ts'

const MAX_CONTENT_BYTES = 1024 * 1024
const STRANGERS: Labels = { integrity: 'third_party', privacy: 'private' }
const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }

/** A folder the owner opened, and who writes into it. */
export type OpenedFolder = { path: string; writtenBy: 'me' | 'others' }

type Deps = {
  folders: () => readonly OpenedFolder[]
  /** The folder a user keeps files in; undefined while there is none. */
  ownFolder?: (userId: string) => string | undefined
  trash: Trash
  fileLabels: FileLabels
}

/** Files on this machine's disk. Where it may act is the policy's matter; it acts on exactly the path that was decided. */
export function createFilesystemTool({ folders, ownFolder = () => undefined, trash, fileLabels }: Deps): Tool {
  const changes = createFileChanges({ trash, fileLabels })
  const inspect = async ({ path }: { path: string }): Promise<Reach> => ({ paths: [await pathFact(path)] })
  const pathOnly = lazy(() => z.strictObject({ path: z.string() }))

  /** Who writes here, by the innermost folder that was opened; strangers where none was. */
  function writers(path: string): Integrity {
    const around = folders().filter((folder) => isInside(path, folder.path))
    const [innermost] = around.sort((a, b) => b.path.length - a.path.length)
    return innermost?.writtenBy === 'me' ? 'owner' : 'third_party'
  }

  /** What Steward wrote keeps its label; a file changed since by others keeps at least the worse of both. */
  function labelsOfFile(path: string, sha256: string): Labels {
    const known = fileLabels.byContent(sha256)
    return joinLabels(known ?? fileLabels.byPath(path) ?? NOTHING_READ, {
      integrity: known ? 'owner' : writers(path),
      privacy: 'private',
    })
  }

  /** Names are text too. */
  function labelsOfListing(path: string): Labels {
    return joinLabels(fileLabels.worstInFolder(path) ?? NOTHING_READ, { integrity: writers(path), privacy: 'private' })
  }

  const list = operation<{ path: string }>({
    description: 'What is in a folder',
    input: pathOnly,
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    yields: STRANGERS,
    recovery: 'redo',
    inspect,
    describe: ({ path }) => `List the folder ${shown(path)}.`,
    run: (_args, _context, reach) =>
      withFileFaults(async () => {
        const path = decided(reach)
        const folder = await openFolder(path)
        const listing = await closing(folder.handle, () => listFolder(folder))
        const summary = `${grouped(listing.entries.length + listing.more)} entries in ${shownPath(path)}`
        const source = `the listing of ${shownPath(path)}`
        return { content: listingText(listing), summary, source, labels: labelsOfListing(path) }
      }),
  })

  const read = operation<{ path: string; offset: number; limit: number }>({
    description: 'Text of a file; offset and limit in characters',
    input: lazy(() =>
      z.strictObject({
        path: z.string(),
        offset: z.int().min(0).max(1e9).default(0),
        limit: z.int().min(1).max(100_000).default(20_000),
      }),
    ),
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    yields: STRANGERS,
    recovery: 'redo',
    inspect,
    describe: ({ path }) => `Read the file ${shown(path)}.`,
    run: ({ offset, limit }, { signal }, reach) =>
      withFileFaults(async () => {
        const path = decided(reach)
        const file = await openFile(path)
        const { text, total, sha256 } = await closing(file, () => readText(file, { offset, limit, signal }))
        const page = pageOf(text, offset, total)
        const content = page.text + pageLine(page, offset, total, 'read_file')
        const summary = `${grouped(page.text.length)} characters of ${shownPath(path)}`
        return { content, summary, source: `the file ${shownPath(path)}`, labels: labelsOfFile(path, sha256) }
      }),
  })

  const write = operation<{ path: string; content: string }>({
    description: 'Write a whole file, new or replaced',
    input: lazy(() => z.strictObject({ path: z.string(), content: z.string().refine(fits, 'at most 1 MiB') })),
    effect: 'write',
    destructive: false,
    attendedOnly: false,
    yields: NOTHING_READ,
    recovery: 'verify',
    verify: async ({ path, content }, { callId }) => changes.wasWritten(await canonicalPath(path), content, callId),
    inspect,
    describe: ({ path, content }) =>
      `Write ${grouped(content.length)} characters to ${shown(path)} (${fateOf(canonicalPathNow(path))}).`,
    run: ({ content }, context, reach) =>
      withFileFaults(async () => {
        const path = decided(reach)
        const { replaced } = await changes.write(path, content, context)
        const kept = replaced ? ' The old version stays in the trash for 30 days.' : ''
        return { content: `Wrote ${grouped(content.length)} characters to ${shownPath(path)}.${kept}` }
      }),
  })

  const remove = operation<{ path: string }>({
    description: 'Move a file to the trash',
    input: pathOnly,
    effect: 'write',
    destructive: false,
    attendedOnly: false,
    yields: NOTHING_READ,
    recovery: 'verify',
    verify: async ({ path }) => changes.wasRemoved(await canonicalPath(path)),
    inspect,
    describe: ({ path }) => `Delete ${shown(path)} (a copy stays in the trash for 30 days).`,
    run: (_args, context, reach) =>
      withFileFaults(async () => {
        const path = decided(reach)
        await changes.remove(path, context)
        return { content: `Deleted ${shownPath(path)}. A copy stays in the trash for 30 days.` }
      }),
  })

  return {
    name: 'filesystem',
    description: 'Files in the folders the owner opened; whole paths.',
    known: (userId) => {
      const own = ownFolder(userId)
      return own === undefined ? undefined : `The owner's own folder, with what they uploaded: ${own}`
    },
    operations: { list_directory: list, read_file: read, write_file: write, delete_file: remove },
  }
}

function decided(reach: Reach): string {
  const [fact] = reach.paths ?? []
  if (!fact) throw new Error('A filesystem call came without a decided path.')
  return fact.path
}

/** The place itself, not the way the model spelled it. */
function shown(path: string): string {
  return shownPath(canonicalPathNow(path))
}

function fateOf(path: string): string {
  return existsSync(path) ? 'replaces the present file; the old version stays in the trash for 30 days' : 'a new file'
}

function fits(content: string): boolean {
  return Buffer.byteLength(content) <= MAX_CONTENT_BYTES
}

function listingText({ entries, more }: Listing): string {
  if (entries.length === 0) return 'The folder is empty (hidden files are not listed).'
  const rest = more === 0 ? [] : [`and ${grouped(more)} more`]
  return [...entries.map(entryLine), ...rest].join('\n')
}

function entryLine({ name, kind, size, modified }: Entry): string {
  const what = kind === 'file' ? `${grouped(size)} bytes` : kind
  return `${escapedName(name)} (${what}, ${modified.toISOString().slice(0, 16)}Z)`
}
