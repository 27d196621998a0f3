import { execFileSync, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { endDaemon, freePort, makeCertificate, missing, ordinaryAccount, startDaemon } from './daemons.ts'

/** Dovecot on loopback: IMAP with STARTTLS, IMAPS, and XOAUTH2 where somebody says which tokens are good. */

const PROGRAM = '/usr/sbin/dovecot'
export const DOVECOT_MISSING = missing(PROGRAM, 'dovecot-imapd')

export type Dovecot = AsyncDisposable & {
  host: string
  /** Plain, with STARTTLS on offer. */
  port: number
  tlsPort: number
  ca: string
  username: string
  password: string
  /** The Maildir of a user. */
  maildir: (username?: string) => string
  /** Puts a mail into a folder of the user, as a server delivers it. */
  deliver: (raw: Buffer | string, folder?: string) => void
  /** The mails in a folder of the user, read or not, oldest first. */
  mails: (folder?: string) => string[]
  uid: number
  gid: number
  setPassword: (password: string) => void
  /** Another mailbox with the same password, that nobody was given before. */
  another: () => Dovecot
  stop: () => Promise<void>
  start: () => Promise<void>
}

/** Mailboxes beside the first. @NOTE all from the start: Dovecot does not always see at once that its list of users has changed. */
const SPARE = 60

export async function startDovecot(options: { introspectionUrl?: string; username?: string } = {}): Promise<Dovecot> {
  // @NOTE short, since paths of Unix sockets end at 108 characters.
  const dir = mkdtempSync(join(tmpdir(), 'dc-'))
  const account = ordinaryAccount()
  const { uid, gid } = account
  const [port, tlsPort] = [await freePort(), await freePort()]
  const username = options.username ?? 'me@example.test'
  const password = 'abcd-efgh-ijkl'
  for (const part of ['run', 'mail', 'state']) {
    mkdirSync(join(dir, part))
    chownSync(join(dir, part), uid, gid)
  }
  chownSync(dir, uid, gid)
  chmodSync(dir, 0o755)
  const { key, cert } = makeCertificate(dir)
  for (const file of [key, cert]) chownSync(file, uid, gid)
  const folderOf = (folder: string) =>
    folder === 'INBOX' ? join(dir, 'mail', username) : join(dir, 'mail', username, `.${folder}`)
  let delivered = 0
  const deliver = (raw: Buffer | string, folder = 'INBOX') => {
    const place = folderOf(folder)
    for (const part of ['tmp', 'new', 'cur']) {
      mkdirSync(join(place, part), { recursive: true })
      execFileSync('chown', ['-R', `${uid}:${gid}`, join(dir, 'mail')])
    }
    const name = `${Date.now()}.${process.pid}_${++delivered}.test`
    writeFileSync(join(place, 'tmp', name), raw)
    chownSync(join(place, 'tmp', name), uid, gid)
    renameSync(join(place, 'tmp', name), join(place, 'new', name))
  }
  const mailsNow = (folder: string) =>
    ['new', 'cur']
      .map((part) => join(folderOf(folder), part))
      .filter((place) => existsSync(place))
      .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
      .sort((a, b) => basename(a).localeCompare(basename(b)))
      .map((file) => readFileSync(file, 'utf8'))
  /** @NOTE Dovecot moves files from one to the other while they are read. */
  const mails = (folder = 'INBOX', tries = 5): string[] => {
    try {
      return mailsNow(folder)
    } catch (error) {
      if (tries === 1 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return mails(folder, tries - 1)
    }
  }
  const spare = Array.from({ length: SPARE }, (_, n) => `box-${n}@example.test`)
  const users = [username, ...spare]
  // @NOTE written over in place: Dovecot goes on with the file that it has open.
  const setPassword = (value: string) => {
    const lines = users.map((name) => `${name}:{PLAIN}${value}::::::\n`)
    writeFileSync(join(dir, 'passwd'), lines.join(''), { mode: 0o644 })
  }
  setPassword(password)
  if (options.introspectionUrl !== undefined) writeFileSync(join(dir, 'oauth2.ext'), oauth2(options.introspectionUrl))
  writeFileSync(
    join(dir, 'dovecot.conf'),
    configuration({ dir, port, tlsPort, account, oauth2: options.introspectionUrl !== undefined }),
  )

  let child: ChildProcess | undefined
  const start = async () => {
    child = await startDaemon(account, [PROGRAM, '-F', '-c', join(dir, 'dovecot.conf')], port)
  }
  const stop = async () => {
    if (child) await endDaemon(child)
  }
  await start()
  const dovecot: Dovecot = {
    host: '127.0.0.1',
    port,
    tlsPort,
    ca: readFileSync(cert, 'utf8'),
    username,
    password,
    maildir: (name = username) => join(dir, 'mail', name),
    deliver,
    mails,
    uid,
    gid,
    setPassword,
    another() {
      const other = spare.shift()
      if (other === undefined) throw new Error('no mailbox is left')
      return { ...dovecot, username: other, maildir: (name = other) => dovecot.maildir(name) }
    },
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return dovecot
}

const oauth2 = (url: string) =>
  `introspection_url = ${url}\nintrospection_mode = post\nusername_attribute = email\nactive_attribute = active\nactive_value = true\n`

function configuration({
  dir,
  port,
  tlsPort,
  account: { name, group, uid, gid },
  oauth2,
}: {
  dir: string
  port: number
  tlsPort: number
  account: { name: string; group: string; uid: number; gid: number }
  oauth2: boolean
}): string {
  const folder = (path: string) => `  mailbox ${path} {\n    auto = subscribe\n    special_use = \\${path}\n  }\n`
  return `
base_dir = ${dir}/run
state_dir = ${dir}/state
instance_name = t${basename(dir)}
log_path = ${dir}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <${dir}/cert.pem
ssl_key = <${dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login${oauth2 ? ' xoauth2 oauthbearer' : ''}
auth_failure_delay = 0
${oauth2 ? `passdb {\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = ${dir}/oauth2.ext\n}` : ''}
default_internal_user = ${name}
default_internal_group = ${group}
default_login_user = ${name}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:${dir}/mail/%u
mail_max_userip_connections = 100
imap_idle_notify_interval = 2 mins
mailbox_list_index = yes
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${dir}/passwd
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${dir}/mail/%u allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
${['Drafts', 'Sent', 'Trash', 'Archive'].map(folder).join('')}}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = ${port}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${tlsPort}
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap-hibernate {
  chroot =
}
`
}
