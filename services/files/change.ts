import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { lstat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ToolContext } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { FileLabels } from './labels.ts'
import { closing, openFile, openFolder, type OpenFolder } from './open.ts'
import { hashOf } from './read.ts'
import { replaceFile } from './replace.ts'
import type { Trash, TrashCause } from './trash.ts'

const NEW_FILE_MODE = 0o600

export type FileChanges = ReturnType<typeof createFileChanges>

type Doer = Pick<ToolContext, 'userId' | 'runId' | 'callId' | 'labels' | 'signal'>
type State = 'done' | 'not_done'

/**
 * Writing and deleting single files at canonical paths. What was there goes to the trash first, the labels of the run are
 * remembered before the new content appears, and a file that somebody else changed meanwhile is left alone (`conflict`).
 */
export function createFileChanges({ trash, fileLabels }: { trash: Trash; fileLabels: FileLabels }) {
  async function keepOld(path: string, cause: TrashCause, { userId, runId }: Doer): Promise<BigIntStats | undefined> {
    const file = await openIfThere(path)
    if (!file) return undefined
    return await closing(file, async () => {
      const before = await file.stat({ bigint: true })
      await trash.keep(userId, runId, path, cause, file)
      return before
    })
  }

  /** Says whether there was a file before. The folder must exist. */
  async function write(path: string, content: string | Buffer, by: Doer): Promise<{ replaced: boolean }> {
    const folder = await folderOf(path)
    return await closing(folder.handle, async () => {
      const before = await keepOld(path, 'overwritten', by)
      fileLabels.remember(path, sha256(content), by.labels, by.runId)
      const mode = before ? Number(before.mode) : NEW_FILE_MODE
      await replaceFile(folder, { name: basename(path), temporary: temporaryName(by.callId), mode }, async (handle) => {
        await handle.writeFile(content)
        await assertUnchanged(folder.at(basename(path)), before)
        by.signal.throwIfAborted()
      })
      return { replaced: before !== undefined }
    })
  }

  /** Whether a write that was cut off happened. Takes away what it may have left half done. */
  async function wasWritten(path: string, content: string | Buffer, callId: string): Promise<State> {
    await unlink(join(dirname(path), temporaryName(callId))).catch(() => {})
    const file = await openFile(path).catch(() => undefined)
    const found = file && (await closing(file, () => hashOf(file)))
    return found === sha256(content) ? 'done' : 'not_done'
  }

  async function remove(path: string, by: Doer): Promise<void> {
    const folder = await folderOf(path)
    await closing(folder.handle, async () => {
      const before = await keepOld(path, 'deleted', by)
      if (!before) throw new AppError('not_found', 'There is no such file.')
      await assertUnchanged(folder.at(basename(path)), before)
      by.signal.throwIfAborted()
      await unlink(folder.at(basename(path)))
      await folder.handle.sync()
      fileLabels.forget(path)
    })
  }

  /** Whether a deletion that was cut off happened. */
  async function wasRemoved(path: string): Promise<State> {
    if (await statOf(path)) return 'not_done'
    fileLabels.forget(path)
    return 'done'
  }

  return { write, wasWritten, remove, wasRemoved }
}

function temporaryName(callId: string): string {
  return `.steward-${callId}`
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

async function folderOf(path: string): Promise<OpenFolder> {
  try {
    return await openFolder(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new AppError('not_found', 'The folder of this file does not exist. Choose an existing folder.')
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await openFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function assertUnchanged(path: string, before: BigIntStats | undefined): Promise<void> {
  const now = await statOf(path)
  if (now?.ino === before?.ino && now?.mtimeNs === before?.mtimeNs && now?.size === before?.size) return
  throw new AppError('conflict', 'Somebody else changed this file at the same moment. Read it again first.')
}

function statOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(() => undefined)
}
