import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError, EXIT } from './command.ts'

/** Who is signed in at one address, and with what cookie. */
export type SignedIn = { username: string; cookie: string }

type Kept = Record<string, SignedIn>

/** Where sign-ins of this terminal's user are kept: a file for nobody else, by the origin of the server. */
export function signInFile(env: Record<string, string | undefined>): string {
  const base = env.XDG_CONFIG_HOME ?? join(env.HOME ?? homedir(), '.config')
  return join(base, 'steward', 'sign-ins.json')
}

/** The sign-in for this origin and no other. */
export const signedInAt = (file: string, url: string): SignedIn | undefined => read(file)[new URL(url).origin]

export function keepSignIn(file: string, url: string, signedIn: SignedIn): void {
  write(file, { ...read(file), [new URL(url).origin]: signedIn })
}

export function forgetSignIn(file: string, url: string): void {
  const { [new URL(url).origin]: _gone, ...rest } = read(file)
  if (Object.keys(rest).length > 0) write(file, rest)
  else rmSync(file, { force: true })
}

function read(file: string): Kept {
  if (!existsSync(file)) return {}
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
    throw new CommandError(
      EXIT.notAllowed,
      `Others on this machine can read ${file}. Run: chmod 600 ${file}. If they may have done so, end its session on the page.`,
    )
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept
  } catch {
    throw new CommandError(EXIT.failed, `${file} cannot be read. Remove it, and sign in again: steward login`)
  }
}

function write(file: string, kept: Kept): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const next = `${file}.${process.pid}`
  writeFileSync(next, `${JSON.stringify(kept)}\n`, { mode: 0o600 })
  chmodSync(next, 0o600)
  renameSync(next, file)
}
