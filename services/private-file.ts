import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'

/** Writes a file that only its owner may read (0600), whole or not at all: beside it first, to the disk, then in place. */
export function writePrivateFile(file: string, content: string): void {
  const beside = `${file}.part`
  const fd = openSync(beside, 'w', 0o600)
  try {
    writeSync(fd, content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(beside, file)
}

/** Makes sure that what was renamed in a folder is so after a power cut; where folders cannot be synced (Windows), not. */
export function syncFolder(dir: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
