import type { Actor, Audit } from '../audit.ts'
import type { Db } from '../../db/open.ts'
import { AppError, messageOf } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { runProgram, shellFor, type Ended } from './command.ts'
import { roomOf, type Shown } from './sandbox.ts'

/** How commands would be run now. `problem`: why there is no sandbox, with what to do. */
export type ShellState = { sandbox: boolean; without_sandbox: boolean; problem: string | null }

export type CommandRoom = { folders: readonly Shown[]; network: boolean }
export type CommandEnd = Ended & { sandboxed: boolean; left: string[] }

export type ShellDeps = {
  db: Db
  settings: Settings
  audit: Pick<Audit, 'record'>
  /** Where Steward keeps its own and where its program lies. */
  closed: readonly string[]
  findSandbox: () => string | undefined
}

export type Shell = ReturnType<typeof createShell>

const NEVER = new AbortController().signal
const PROBE_S = 10
/** Whether the sandbox works is found out again after this time. */
const PROBED_MS = 60_000
const NONE =
  'bubblewrap is not installed. Install the package "bubblewrap" on this machine (Debian: apt install bubblewrap).'
const OPEN_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8', TERM: 'dumb' }

/** Commands of the owner's chats: in a sandbox of bubblewrap, or as they are where the owner has allowed that. */
export function createShell({ db, settings, audit, closed, findSandbox }: ShellDeps) {
  let probed: { at: number; problem: Promise<string | null> } | undefined

  /** Containers and hardened kernels may refuse the namespaces that it needs. */
  async function probe(): Promise<string | null> {
    const bubblewrap = findSandbox()
    if (bubblewrap === undefined) return NONE
    const { args } = await roomOf({ folders: [], closed, network: false })
    const probing = {
      program: bubblewrap,
      args: ['--args', '3', '--', '/bin/sh', '-c', 'exit 0'],
      fd3: fed(args),
      env: {},
    }
    try {
      const { exitCode, stderr } = await runProgram(probing, { timeoutS: PROBE_S, signal: NEVER })
      return exitCode === 0
        ? null
        : `bubblewrap does not work here: ${stderr.trim().slice(0, 300) || 'it says nothing'}`
    } catch (error) {
      return `bubblewrap does not work here: ${messageOf(error)}`
    }
  }

  function problem(): Promise<string | null> {
    if (!probed || Date.now() - probed.at > PROBED_MS) probed = { at: Date.now(), problem: probe() }
    return probed.problem
  }

  const withoutSandbox = () => settings.get('shell_without_sandbox')

  async function state(): Promise<ShellState> {
    const why = await problem()
    return { sandbox: why === null, without_sandbox: withoutSandbox(), problem: why }
  }

  return {
    state,

    /** Whether commands can be run at all, as far as is known without waiting. */
    isThere: (): boolean => withoutSandbox() || findSandbox() !== undefined,

    /** Whether a command would be run in the sandbox. Throws `unavailable` where it would not and may not go without. */
    async sandboxed(): Promise<boolean> {
      const why = await problem()
      if (why === null) return true
      if (withoutSandbox()) return false
      throw new AppError('unavailable', `No command can be run: ${why}`)
    },

    /**
     * Runs one command and waits for its end; `timeoutS` at most. In the sandbox it sees the given folders and no network
     * unless that is wanted; without, it may do whatever Steward may.
     */
    async execute(
      command: string,
      { folders, network, sandboxed }: CommandRoom & { sandboxed: boolean },
      limits: { timeoutS: number; signal: AbortSignal },
    ): Promise<CommandEnd> {
      const shell = shellFor(command, limits.timeoutS)
      if (!sandboxed) {
        const [program = '', ...args] = shell
        const cwd = folders[0]?.path ?? '/tmp'
        const end = await runProgram({ program, args, cwd, env: OPEN_ENVIRONMENT }, limits)
        return { ...end, sandboxed, left: [] }
      }
      const { args, left } = await roomOf({ folders, closed, network })
      const program = findSandbox() ?? 'bwrap'
      const end = await runProgram({ program, args: ['--args', '3', '--', ...shell], fd3: fed(args), env: {} }, limits)
      return { ...end, sandboxed, left }
    },

    /** Lets commands run without a sandbox, or no longer. */
    allowWithoutSandbox(allowed: boolean, by: Actor): void {
      db.transact(() => {
        if (withoutSandbox() === allowed) return
        settings.change({ shell_without_sandbox: allowed })
        const outcome = `${!allowed} → ${allowed}`
        audit.record({ kind: 'setting', action: 'changed', subject: 'shell_without_sandbox', by, outcome })
      })
    },

    /** Runs a command that changes nothing, to see whether it works. */
    async test(): Promise<{ ok: boolean; sandbox: boolean; error?: string }> {
      probed = undefined
      const { sandbox, without_sandbox, problem: why } = await state()
      if (!sandbox && !without_sandbox) return { ok: false, sandbox, error: why ?? NONE }
      const room = { folders: [], network: false, sandboxed: sandbox }
      const end = await this.execute('echo works', room, { timeoutS: PROBE_S, signal: NEVER })
      return end.stdout === 'works\n' ? { ok: true, sandbox } : { ok: false, sandbox, error: end.stderr.slice(0, 500) }
    },
  }
}

const fed = (args: readonly string[]): string => args.map((arg) => `${arg}\0`).join('')
