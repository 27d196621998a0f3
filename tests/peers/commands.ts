import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')

export type Said = { status: number | null; said: string; complained: string }

/** A program of `dist/` as a process of its own, in a folder of its own; `process` is there to end it early. */
export function command(name: string, args: string[], env: Record<string, string> = {}) {
  const child = spawn(
    process.execPath,
    [join(ROOT, 'dist', `${name === 'server' ? 'server' : 'cli'}.js`), ...(name === 'server' ? [] : [name]), ...args],
    {
      cwd: mkdtempSync(join(tmpdir(), 'cwd-')),
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let said = ''
  let complained = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (complained += String(chunk)))
  const ended = new Promise<Said>((resolve) => child.on('close', (status) => resolve({ status, said, complained })))
  return { process: child, ended }
}
