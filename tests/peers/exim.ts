import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endDaemon, freePort, makeCertificate, missing, ordinaryAccount, startDaemon } from './daemons.ts'

/** Exim on loopback: takes mail from whoever signs in (after STARTTLS or not) and puts all of it into one Maildir. */

const PROGRAM = '/usr/sbin/exim4'
export const EXIM_MISSING = missing(PROGRAM, 'exim4-daemon-light')

export type Exim = AsyncDisposable & {
  host: string
  port: number
  ca: string
  username: string
  password: string
  /** What was delivered, as it lies in the Maildir, oldest first. */
  mails: () => string[]
  /** Resolves with the mails once there are so many. */
  arrived: (count: number) => Promise<string[]>
}

export async function startExim(options: { maildir?: string } = {}): Promise<Exim> {
  const dir = mkdtempSync(join(tmpdir(), 'ex-'))
  const account = ordinaryAccount()
  const port = await freePort()
  const [username, password] = ['me@example.test', 'abcd-efgh-ijkl']
  const maildir = options.maildir ?? join(dir, 'maildir')
  for (const part of ['spool', 'log']) mkdirSync(join(dir, part))
  const program = join(dir, 'exim')
  // @NOTE the copy is not setuid, so that it runs wholly as an ordinary account.
  copyFileSync(PROGRAM, program)
  chmodSync(program, 0o755)
  const { cert } = makeCertificate(dir)
  writeFileSync(join(dir, 'exim.conf'), configuration({ dir, program, port, maildir, account, username, password }))
  execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, dir])
  const child = await startDaemon(account, [program, '-C', join(dir, 'exim.conf'), '-bdf', '-q1h'], port)

  const inbox = join(maildir, 'new')
  const mails = () =>
    existsSync(inbox)
      ? readdirSync(inbox)
          .sort()
          .map((name) => readFileSync(join(inbox, name), 'utf8'))
      : []
  return {
    host: '127.0.0.1',
    port,
    ca: readFileSync(cert, 'utf8'),
    username,
    password,
    mails,
    async arrived(count) {
      for (let tries = 0; tries < 200; tries++) {
        if (mails().length >= count) return mails()
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`only ${mails().length} of ${count} mails arrived`)
    },
    async [Symbol.asyncDispose]() {
      await endDaemon(child)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function configuration(of: {
  dir: string
  program: string
  port: number
  maildir: string
  account: { name: string; group: string }
  username: string
  password: string
}): string {
  const { dir, account } = of
  const fits = (name: string, pass: string) => `\${if and{{eq{${name}}{${of.username}}}{eq{${pass}}{${of.password}}}}}`
  return `
exim_user = ${account.name}
exim_group = ${account.group}
exim_path = ${of.program}
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%slog
never_users =
keep_environment =
deliver_drop_privilege = true
primary_hostname = localhost
domainlist local_domains = *
daemon_smtp_ports = ${of.port}
local_interfaces = 127.0.0.1
disable_ipv6 = true
tls_advertise_hosts = *
tls_certificate = ${dir}/cert.pem
tls_privatekey = ${dir}/key.pem
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = accept
acl_smtp_mail = accept
message_size_limit = 40M
rfc1413_query_timeout = 0s
host_lookup =
queue_only = false
smtp_accept_max = 50
check_rfc2047_length = false
begin acl
acl_rcpt:
  deny message = Authentication required
       !authenticated = *
  deny message = no such user
       local_parts = nobody-here
  accept
begin routers
all:
  driver = accept
  transport = to_maildir
begin transports
to_maildir:
  driver = appendfile
  directory = ${of.maildir}
  maildir_format = true
  create_directory = true
  delivery_date_add
  envelope_to_add
  return_path_add
  user = ${account.name}
  group = ${account.group}
  mode = 0660
  directory_mode = 0770
begin retry
* * F,1h,1m
begin rewrite
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${fits('$auth2', '$auth3')}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${fits('$auth1', '$auth2')}
  server_set_id = $auth1
`
}
