import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { userInfo } from 'node:os'

/** Real servers as ordinary processes on loopback; they go with the test that started them. */

/** As whom a daemon runs: `nobody` where the test is root, else whoever runs the test. */
export type Account = { name: string; group: string; uid: number; gid: number; root: boolean }

export function ordinaryAccount(): Account {
  const root = process.getuid?.() === 0
  const name = root ? 'nobody' : userInfo().username
  const id = (flag: string) => execFileSync('id', [flag, name]).toString().trim()
  return { name, group: id('-gn'), uid: Number(id('-u')), gid: Number(id('-g')), root }
}

/** Why a test that needs a program is skipped; false where it is there, and in CI, where it must be. */
export function missing(path: string, debianPackage: string): string | false {
  return existsSync(path) || process.env.CI === 'true' ? false : `needs ${path} (Debian: apt install ${debianPackage})`
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Runs a program in the foreground as an ordinary account, and resolves once it answers on its port. */
export async function startDaemon(
  { root, uid, gid }: Account,
  command: [string, ...string[]],
  port: number,
): Promise<ChildProcess> {
  const as = root ? ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'] : []
  // @NOTE pdeathsig: it ends with the test runner, also where that is killed.
  const child = spawn('setpriv', [...as, '--pdeathsig', 'TERM', ...command], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH ?? '' },
  })
  for (let tries = 0; tries < 200; tries++) {
    if (await answers(port)) return child
    if (child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error(`${command[0]} did not start on port ${port}`)
}

export async function endDaemon(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A certificate for localhost and 127.0.0.1 that nobody signed but itself. */
export function makeCertificate(dir: string): { key: string; cert: string } {
  const [key, cert] = [`${dir}/key.pem`, `${dir}/cert.pem`]
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', [...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key, cert }
}
