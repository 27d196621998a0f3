import { closeSync, fstatSync, fsyncSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import { constants, lstat, open, readlink, realpath, type FileHandle } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { PathFact } from '../agent/tool.ts'
import { AppError, invalidField } from '../errors.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/**
 * Where a path really leads: `.` and `..` taken away, then every symbolic link of the existing part followed; what does
 * not exist yet is kept as it is spelled. Throws AppError `invalid` for a path that is not whole.
 */
export async function canonicalPath(path: string): Promise<string> {
  for (const { existing, rest } of splits(path)) {
    const real = await realpath(existing).catch(() => undefined)
    if (real !== undefined) return join(real, rest)
  }
  return resolve(path)
}

/** `canonicalPath` without waiting, for sentences. */
export function canonicalPathNow(path: string): string {
  for (const { existing, rest } of splits(path)) {
    try {
      return join(realpathSync.native(existing), rest)
    } catch {}
  }
  return resolve(path)
}

/** Where a path leads and how many names the file there has, as the policy wants to know it. */
export async function pathFact(path: string): Promise<PathFact> {
  const real = await canonicalPath(path)
  const stat = await lstat(real).catch(() => undefined)
  return { path: real, hardLinks: stat?.isDirectory() ? 1 : (stat?.nlink ?? 0) }
}

/**
 * Opens exactly this file for reading. Throws AppError `forbidden` when something else would be opened: a link, a
 * device, a file with several names, or a file elsewhere because a folder on the way was swapped.
 */
export async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  return verified(handle, path, async () => {
    const stat = await handle.stat()
    if (stat.isDirectory()) throw new AppError('invalid', 'This is a folder, not a file.')
    if (!stat.isFile()) throw new AppError('forbidden', 'This is no ordinary file.')
    if (stat.nlink > 1) throw new AppError('forbidden', 'This file has several names on the disk (hard links).')
  })
}

/** `at(name)` is a path that stays in this folder even when it is moved or swapped meanwhile; `at('')` is itself. */
export type OpenFolder = { handle: FileHandle; at: (name: string) => string }

/** Opens exactly this folder. Throws AppError `forbidden` when something else would be opened. */
export async function openFolder(path: string): Promise<OpenFolder> {
  const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  await verified(handle, path, async () => {})
  const anchor = (await nameOf(handle)) === undefined ? path : descriptorPath(handle)
  return { handle, at: (name) => (name === '' ? anchor : join(anchor, name)) }
}

/**
 * Does something in exactly this folder without waiting, so that nothing else of this process happens meanwhile, and puts
 * the folder on the disk. Throws AppError `conflict` when the path leads elsewhere by now.
 */
export function inFolderNow<T>(path: string, work: (at: (name: string) => string) => T): T {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const name = nameNow(fd)
    if (!(name === undefined ? isSameNow(fd, path) : name === path)) {
      throw new AppError('conflict', 'This folder was moved or replaced a moment ago. Look again and repeat.')
    }
    const anchor = name === undefined ? path : `/proc/self/fd/${fd}`
    const result = work((entry) => join(anchor, entry))
    fsyncSync(fd)
    return result
  } finally {
    closeSync(fd)
  }
}

/** Does something with an open file or folder and closes it, however that ends. */
export async function closing<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    await handle.close()
  }
}

function* splits(path: string): Generator<{ existing: string; rest: string }> {
  if (path.includes('\0') || !isAbsolute(path)) {
    throw invalidField('path', 'Give the whole path, starting with "/".')
  }
  let existing = resolve(path)
  let rest = ''
  for (; existing !== '/'; existing = dirname(existing)) {
    yield { existing, rest }
    rest = join(basename(existing), rest)
  }
  yield { existing, rest }
}

async function verified(handle: FileHandle, path: string, check: () => Promise<void>): Promise<FileHandle> {
  try {
    await check()
    if (!(await isAt(handle, path))) throw new AppError('forbidden', 'The path leads elsewhere than a moment ago.')
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function isAt(handle: FileHandle, path: string): Promise<boolean> {
  const name = await nameOf(handle)
  if (name !== undefined) return name === path
  const [opened, there] = [await handle.stat(), await lstat(path)]
  return opened.ino === there.ino && opened.dev === there.dev && (await realpath(path)) === path
}

/** Where the kernel says an open file is; undefined on systems that do not say. */
function nameOf(handle: FileHandle): Promise<string | undefined> {
  return readlink(descriptorPath(handle)).catch(() => undefined)
}

function nameNow(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

function isSameNow(fd: number, path: string): boolean {
  const [opened, there] = [fstatSync(fd), lstatSync(path)]
  return opened.ino === there.ino && opened.dev === there.dev && realpathSync(path) === path
}

function descriptorPath(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`
}
