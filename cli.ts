#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { programDir } from './cli/house.ts'
import { main } from './cli/main.ts'
import { readEnvironment } from './services/environment.ts'

/** The command line, `steward`: what it says and how it ends is in cli/. */

const BROKEN_PIPE = 141

enableCompileCache()
process.umask(0o077)
for (const stream of [process.stdout, process.stderr])
  // @NOTE who read us has gone (head, less): that is their right, and no fault.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(BROKEN_PIPE)
  })

const version = (): string =>
  (JSON.parse(readFileSync(join(programDir(), 'package.json'), 'utf8')) as { version: string }).version

const exit = await main({
  argv: process.argv.slice(2),
  env: readEnvironment(process.env),
  // @NOTE npm runs this elsewhere than where it was called.
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  version,
})
process.stdout.write('', () => process.exit(exit))
