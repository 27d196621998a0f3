import { createReadStream, existsSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Download } from 'playwright-core'
import { AppError, messageOf } from '../errors.ts'
import { checkNewName } from '../files/own-path.ts'
import type { MyFiles } from '../my-files.ts'
import { pathRefusal } from '../policy/paths.ts'
import { visible } from '../policy/sanitize.ts'
import { grouped, quoted } from '../tools/wording.ts'
import { within } from './looking.ts'

const FOLDER = 'Downloads'
const MOST_BYTES = 25 * 1024 * 1024
const MOST_FILES = 5
const WHOLE_MS = 40_000
const MOST_NAME = 120

export type Downloads = ReturnType<typeof createDownloads>

/**
 * Files that pages give: put into the folder "Downloads" among the user's own, as what others wrote, never in place of
 * another file. What is too large, has a name that systems act on, or does not arrive whole is not kept.
 */
export function createDownloads({
  myFiles,
}: {
  myFiles: Pick<MyFiles, 'placeOf' | 'home' | 'uploads' | 'place' | 'folderOf'>
}) {
  function freeName(userId: string, wanted: string): string {
    const ending = extname(wanted)
    const stem = wanted.slice(0, wanted.length - ending.length)
    for (let number = 1; ; number++) {
      const name = number === 1 ? wanted : `${stem} (${number})${ending}`
      if (!existsSync(myFiles.placeOf(userId, [FOLDER, name]))) return name
    }
  }

  async function put(userId: string, path: string, wanted: string): Promise<string> {
    const { size } = await stat(path)
    if (size > MOST_BYTES)
      throw new AppError('too_large', `it has ${grouped(size)} bytes, more than the ${grouped(MOST_BYTES)} allowed`)
    const name = freeName(userId, wanted)
    const full = myFiles.placeOf(userId, [FOLDER, name])
    const own = { folders: [], neverPaths: [], ownFiles: myFiles.home(userId) }
    const refusal = pathRefusal({ path: full, hardLinks: 0 }, own)
    if (refusal !== undefined) throw new AppError('forbidden', refusal)
    await myFiles.uploads.assertRoom(size)
    const allowance = { left: MOST_BYTES, most: MOST_BYTES }
    const staged = await myFiles.uploads.receive(name, createReadStream(path) as AsyncIterable<Buffer>, allowance)
    await myFiles.place(`/${FOLDER}`, staged, { userId, actor: { userId, name: 'browser' } }).finally(() => {
      void myFiles.uploads.discard(staged)
    })
    return `It gave a file, which was saved as ${quoted(full, 400)} (${grouped(size)} bytes).`
  }

  /** A keeper for one page. Its answers are sentences for the model. */
  function forUser(userId: string): (download: Download) => Promise<string> {
    let kept = 0
    return async (download) => {
      const wanted = nameOf(download.suggestedFilename())
      if (++kept > MOST_FILES) {
        await download.cancel().catch(() => {})
        return 'It gave more files than are kept of one page; the rest was let go.'
      }
      try {
        const path = await within(WHOLE_MS, download.path())
        return await put(userId, path, wanted).finally(() => rm(path, { force: true }))
      } catch (error) {
        await download.cancel().catch(() => {})
        const why = error instanceof AppError ? messageOf(error) : 'it did not arrive whole'
        return `It gave a file ${quoted(wanted, 100)}, which was not kept: ${why}`
      }
    }
  }

  return { forUser }
}

/** A name that strangers chose, fit for a file. */
function nameOf(suggested: string): string {
  const plain = visible(suggested).replace(/[/\\:*?"<>|\n\t]/g, '_').trim() // prettier-ignore
  const ending = extname(plain).slice(0, 12)
  const name = plain.slice(0, plain.length - extname(plain).length).slice(0, MOST_NAME) + ending
  try {
    checkNewName(name, 'file')
    return name.startsWith('.') ? `file${name}` : name
  } catch {
    return 'file'
  }
}
