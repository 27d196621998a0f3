import { command, EXIT, SERVER_OPTIONS, type Call } from '../command.ts'
import { connect, urlOf } from '../server.ts'
import { forgetSignIn, signedInAt, signInFile } from '../sign-in-file.ts'

export default command({
  usage: '',
  help: 'Ends the sign-in of steward login, at the server and here.',
  options: { url: SERVER_OPTIONS.url },
  words: [0, 0],
  run: logout,
})

async function logout(call: Call): Promise<number> {
  const { out, env } = call
  const file = signInFile(env)
  const signedIn = signedInAt(file, urlOf(call))
  if (signedIn) {
    const server = connect(call, { by: 'session', ...signedIn })
    forgetSignIn(file, server.url)
    await server.ask('POST', '/api/auth/logout', {})
  }
  if (out.json) out.value({ ok: true })
  else out.say(signedIn ? 'Signed out.' : 'Nobody was signed in here.')
  return EXIT.ok
}
