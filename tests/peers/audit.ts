import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withDatabase } from './database.ts'

/** The audit log from outside: copies of its database, and the command that verifies them. */

export type Verdict = { ok: boolean; entries: number; first_broken?: number; problem?: string }

type Db = Parameters<Parameters<typeof withDatabase>[1]>[0]

const COMMAND = join(import.meta.dirname, '..', '..', 'cli.ts')

/** A copy of a data folder, changed behind Steward's back. */
export function copyOf(dataDir: string, change: (db: Db) => void = () => {}): string {
  const copy = mkdtempSync(join(tmpdir(), 'copied-'))
  cpSync(dataDir, copy, { recursive: true })
  withDatabase(copy, change)
  return copy
}

/** `npm run audit:verify`, with what it wrote. Nothing is set but what is given. */
export function runVerify(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const cwd = mkdtempSync(join(tmpdir(), 'cwd-'))
  const child = spawn(process.execPath, [COMMAND, 'audit', 'verify', ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

/** What the command says of a data folder. */
export async function verdictOn(dataDir: string): Promise<Verdict> {
  const { stdout, stderr } = await runVerify([dataDir, '--json'])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as Verdict
}

export const masterKeyOf = (dataDir: string): string => readFileSync(join(dataDir, 'master.key'), 'utf8').trim()
