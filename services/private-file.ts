import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'

/** Writes a file that only its owner may read (0600), whole or not at all: beside it first, to the disk, then in place. */
export function writePrivateFile(file: string, content: string): void {
  const beside = `${file}.new`
  const fd = openSync(beside, 'w', 0o600)
  try {
    writeSync(fd, content)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(beside, file)
}
