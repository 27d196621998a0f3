import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { createOutput } from './output.ts'

export type Ended = {
  /** Absent where a signal ended it. */
  exitCode?: number
  signal?: string
  /** Why it was ended before its time. */
  cut?: 'timeout' | 'stopped' | 'output'
  seconds: number
  stdout: string
  stderr: string
}

type Limits = { timeoutS: number; signal: AbortSignal }

const MEMORY_KIB = 4 * 1024 ** 2
const FILE_BLOCKS = 2 * 1024 ** 2
const MOST_PROCESSES = 512
const MOST_OUTPUT = 32 * 1024 ** 2
const SHELL = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'

/** The shell with limits on memory, files, processes and time of computing, and then the command. */
export function shellFor(command: string, timeoutS: number): string[] {
  const limits = `umask 077; ulimit -c 0; ulimit -v ${MEMORY_KIB}; ulimit -f ${FILE_BLOCKS}; ulimit -t ${timeoutS + 1}; ulimit -u ${MOST_PROCESSES} 2>/dev/null`
  return [SHELL, '-c', `${limits}; exec "$0" -c "$1"`, SHELL, command]
}

/**
 * Runs a program in a process group of its own, which is killed as a whole when it is over, takes too long, is stopped, or says
 * too much. `fd3` is written to its third descriptor. Rejects where it cannot be started.
 */
export function runProgram(
  { program, args, fd3, cwd, env }: { program: string; args: readonly string[]; fd3?: string; cwd?: string; env: Record<string, string> }, // prettier-ignore
  { timeoutS, signal }: Limits,
): Promise<Ended> {
  const started = performance.now()
  const [stdout, stderr] = [createOutput(), createOutput()]
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let cut: Ended['cut']

  function end(why: Ended['cut']): void {
    cut ??= why
    killGroup(child)
  }
  const onAbort = () => end('stopped')

  return new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => end('timeout'), timeoutS * 1000)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    for (const [stream, output] of [
      [child.stdout!, stdout],
      [child.stderr!, stderr],
    ] as const)
      // prettier-ignore
      stream.on('data', (chunk: Buffer) => {
        output.add(chunk)
        if (stdout.bytes() + stderr.bytes() > MOST_OUTPUT) end('output')
      })
    const third = child.stdio[3] as Writable
    third.on('error', () => {})
    third.end(fd3 ?? '')
    child.on('error', reject)
    // @NOTE a child that was left behind may hold the streams open: the group goes with its leader.
    child.on('exit', () => killGroup(child))
    child.on('close', (code, name) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      const seconds = (performance.now() - started) / 1000
      resolve({
        ...(code === null ? {} : { exitCode: code }),
        ...(name === null ? {} : { signal: name }),
        ...(cut === undefined ? {} : { cut }),
        ...{ seconds, stdout: stdout.text(), stderr: stderr.text() },
      })
    })
  })
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
