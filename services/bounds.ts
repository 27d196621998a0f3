import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'

const SYSTEM_PLACES = ['/proc', '/sys', '/dev', '/etc', '/boot', '/run', '/root/.ssh']

/** Where no tool may go, whatever the lists say: the data folder, the program's own, and those of the system. */
export function houseBounds(dataDir: string, programDir: string) {
  const real = realpathSync(dataDir)
  const program = realpathSync(programDir)
  const neverPaths = [real, program, ...SYSTEM_PLACES.map(realOrSame)]
  return { dataDir: real, programDir: program, home: realOrSame(homedir()), neverPaths }
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
