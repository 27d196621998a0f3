import { AppError, type ErrorCode } from '../errors.ts'

const SENTENCES: Record<string, [ErrorCode, string]> = {
  ENOENT: ['not_found', 'There is no such file or folder.'],
  ENOTDIR: ['not_found', 'A part of this path is a file, not a folder.'],
  EISDIR: ['invalid', 'This is a folder, not a file.'],
  ENAMETOOLONG: ['invalid', 'This name is too long for the disk.'],
  ELOOP: ['forbidden', 'This is a link, and links are not followed here.'],
  ENXIO: ['forbidden', 'This is no ordinary file.'],
  EACCES: ['forbidden', 'Steward has no permission for this on the disk.'],
  EPERM: ['forbidden', 'Steward has no permission for this on the disk.'],
  EROFS: ['forbidden', 'This disk can only be read.'],
  ENOSPC: ['unavailable', 'The disk is full. Make room and try again.'],
  SQLITE_FULL: ['unavailable', 'The disk is full. Make room and try again.'],
  EDQUOT: ['unavailable', 'The disk quota is used up. Make room and try again.'],
  EIO: ['unavailable', 'The disk reported an error.'],
}

/** Does something with files and turns what the system refuses into sentences the model and the owner can act on. */
export async function withFileFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const known = SENTENCES[(error as NodeJS.ErrnoException).code ?? '']
    throw known && !(error instanceof AppError) ? new AppError(known[0], known[1], { cause: error }) : error
  }
}
