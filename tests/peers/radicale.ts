import type { ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endDaemon, freePort, makeCertificate, missing, ordinaryAccount, startDaemon } from './daemons.ts'

/** Radicale on loopback: CalDAV and CardDAV. */

/** @NOTE Debian's own, by its whole path: another python3 that comes first in PATH knows nothing of Debian's modules. */
const PYTHON = '/usr/bin/python3'
const PROGRAM = '/usr/bin/radicale'
export const RADICALE_MISSING = missing(PROGRAM, 'radicale')

export type Radicale = AsyncDisposable & {
  url: string
  port: number
  username: string
  password: string
  /** PEM, where it speaks TLS. */
  ca: string
  setPassword: (password: string) => void
  /** Asks it as another program of the owner would. */
  ask: (method: string, path: string, body?: string, headers?: Record<string, string>) => Promise<Answer>
  /** Makes a calendar or address book at /<user>/<name>/ and gives its path. */
  makeCalendar: (name: string, title?: string) => Promise<string>
  makeAddressBook: (name: string, title?: string) => Promise<string>
  /** Puts an object there as another program would. */
  put: (path: string, text: string) => Promise<void>
  /** What is in a collection, text by text. */
  objects: (path: string) => Promise<string[]>
  start: () => Promise<void>
  stop: () => Promise<void>
}

type Answer = { status: number; text: string; headers: Record<string, string | string[] | undefined> }

export async function startRadicale({ username = 'me', tls = false } = {}): Promise<Radicale> {
  const dir = mkdtempSync(join(tmpdir(), 'rad-'))
  const account = ordinaryAccount()
  const port = await freePort()
  const { key, cert } = makeCertificate(dir)
  const ca = readFileSync(cert, 'utf8')
  let password = 'abcd-efgh-ijkl'
  const setPassword = (value: string) => {
    password = value
    writeFileSync(join(dir, 'users'), `${username}:${value}\n`)
  }
  setPassword(password)
  const ssl = tls ? `ssl = True\ncertificate = ${cert}\nkey = ${key}\n` : ''
  writeFileSync(
    join(dir, 'config'),
    `[server]\nhosts = 127.0.0.1:${port}\n${ssl}[auth]\ntype = htpasswd\nhtpasswd_filename = ${dir}/users\nhtpasswd_encryption = plain\ndelay = 0
[rights]\ntype = owner_only\n[storage]\nfilesystem_folder = ${dir}/collections\n[logging]\nlevel = critical\n`,
  )
  for (const file of [dir, key, cert, join(dir, 'users'), join(dir, 'config')])
    chownSync(file, account.uid, account.gid)

  let child: ChildProcess | undefined
  const start = async () => {
    child = await startDaemon(account, [PYTHON, PROGRAM, '--config', join(dir, 'config')], port)
  }
  const stop = async () => {
    if (child) await endDaemon(child)
  }

  function ask(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const auth = `${username}:${password}`
    const options = { host: '127.0.0.1', port, method, path, auth, ca, agent: false, headers } as const
    return new Promise((resolve, reject) => {
      const request = (tls ? tlsRequest : plainRequest)(options, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece) => (text += piece))
        response.on('end', () => resolve({ status: response.statusCode!, text, headers: response.headers }))
      })
      request.on('error', reject).end(body)
    })
  }

  async function must(method: string, path: string, body: string, headers = {}): Promise<void> {
    const { status, text } = await ask(method, path, body, headers)
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
  }

  async function make(name: string, title: string, type: string): Promise<string> {
    const path = `/${username}/${name}/`
    const spaces = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="urn:ietf:params:xml:ns:carddav"'
    const body = `<?xml version="1.0"?><mkcol ${spaces}><set><prop><resourcetype><collection/>${type}</resourcetype><displayname>${title}</displayname></prop></set></mkcol>`
    await must('MKCOL', path, body)
    return path
  }

  await start()
  return {
    url: `${tls ? 'https' : 'http'}://localhost:${port}/`,
    port,
    username,
    get password() {
      return password
    },
    ca,
    setPassword,
    ask,
    makeCalendar: (name, title = name) => make(name, title, '<C:calendar/>'),
    makeAddressBook: (name, title = name) => make(name, title, '<A:addressbook/>'),
    put: (path, text) =>
      must('PUT', path, text.replace(/\r?\n/g, '\r\n'), {
        'content-type': path.endsWith('.vcf') ? 'text/vcard' : 'text/calendar',
      }),
    async objects(path) {
      const { text } = await ask('PROPFIND', path, '', { depth: '1' })
      const hrefs = [...text.matchAll(/<href>([^<]*\.(?:ics|vcf))<\/href>/g)].map((match) => match[1]!)
      return Promise.all(hrefs.map(async (href) => (await ask('GET', href)).text))
    },
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
