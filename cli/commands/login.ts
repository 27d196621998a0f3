import { createInterface } from 'node:readline/promises'
import { cleanLine } from '../clean.ts'
import { command, CommandError, EXIT, SERVER_OPTIONS, textOf, type Call } from '../command.ts'
import { pipedLines, typedUnseen } from '../keyboard.ts'
import { connect, refusal, type Answer, type Server } from '../server.ts'
import { keepSignIn, signInFile } from '../sign-in-file.ts'

export default command({
  usage: '[--user NAME]',
  help: `Signs in as on the page. The sign-in is kept in a file for you alone (XDG_CONFIG_HOME/steward/sign-ins.json), shows among your
sessions and ends there, or with steward logout. Where stdin is no terminal its lines are the password and, where one is
due, the code.`,
  options: { url: SERVER_OPTIONS.url, user: { type: 'string', short: 'u', value: 'NAME', help: 'who you are' } },
  words: [0, 0],
  run: login,
})

/** Where what is typed comes from. */
type Typist = { name: () => Promise<string>; secret: (prompt: string) => Promise<string> }

async function login(call: Call): Promise<number> {
  const { out, values, env } = call
  const server = connect(call, { by: 'nobody' })
  if ((await server.get<{ needed: boolean }>('/api/setup')).needed)
    throw new CommandError(
      EXIT.notAllowed,
      'Steward is not set up yet. Open the set-up link that it printed when it started.',
    )
  const typist = process.stdin.isTTY ? atTerminal(call) : await piped(call)
  const username = textOf(values, 'user') ?? (await typist.name())
  const password = await typist.secret('Password: ')
  const answer = await signIn(server, { username, password }, () => typist.secret('Code (of your authenticator app, or a recovery code): ')) // prettier-ignore
  const { user } = answer.body as { user: { username: string } }
  const cookie = sessionCookie(answer)
  keepSignIn(signInFile(env), server.url, { username: user.username, cookie })
  if (out.json) out.value({ ok: true, url: server.url, user })
  else out.say(`Signed in as ${cleanLine(user.username)} at ${server.url}.`)
  return EXIT.ok
}

async function signIn(server: Server, given: object, code: () => Promise<string>): Promise<Answer> {
  const first = await server.ask('POST', '/api/auth/login', given)
  const answer =
    first.body.code === 'totp_required'
      ? await server.ask('POST', '/api/auth/login', { ...given, code: (await code()).trim() })
      : first
  if (answer.status === 200) return answer
  throw refusal(answer, { by: 'key', key: '' })
}

function sessionCookie({ headers }: Answer): string {
  const found = headers.getSetCookie().find((cookie) => cookie.startsWith('steward_session='))
  if (found) return found.split(';')[0]!
  throw new CommandError(
    EXIT.failed,
    'Steward gave no session. Behind a proxy that speaks TLS, use the address of PUBLIC_URL.',
  )
}

function atTerminal({ out }: Call): Typist {
  return {
    async name() {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return (await lines.question('User name: ')).trim()
      } finally {
        lines.close()
      }
    },
    secret: async (prompt) => (await typedUnseen(out.ask, [prompt]))[0]!,
  }
}

async function piped({ values }: Call): Promise<Typist> {
  const lines = await pipedLines()
  if (textOf(values, 'user') === undefined)
    throw new CommandError(EXIT.usage, 'Say who you are with --user where stdin is no terminal.')
  const next = () => Promise.resolve(lines.shift() ?? '')
  return { name: next, secret: next }
}
