import { randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from './errors.ts'
import { writePrivateFile } from './private-file.ts'
import type { User, Users } from './users.ts'

export type Setup = ReturnType<typeof createSetup>

/**
 * The first run. While nobody is set up there is a token, in DATA_DIR/setup-token (0600), that makes whoever has it the
 * owner; it is burnt by that.
 */
export function createSetup({ dataDir, users }: { dataDir: string; users: Users }) {
  const file = join(dataDir, 'setup-token')
  const token = users.exist() ? undefined : (kept(file) ?? made(file))
  if (users.exist()) rmSync(file, { force: true })

  function fits(given: string): boolean {
    const expected = Buffer.from(token ?? '')
    const actual = Buffer.from(given)
    return token !== undefined && expected.length === actual.length && timingSafeEqual(expected, actual)
  }

  return {
    needed: (): boolean => !users.exist(),
    /** For the terminal; undefined once set up. */
    token: (): string | undefined => (users.exist() ? undefined : token),
    fits,
    /** Makes the owner. Throws `conflict` once there is one, `forbidden` for a wrong token. */
    async complete(draft: { token: string; username: string; password: string }): Promise<User> {
      if (users.exist()) throw new AppError('conflict', 'Steward is already set up. Sign in instead.')
      if (!fits(draft.token)) {
        throw new AppError(
          'forbidden',
          'That set-up token is not right. Use the link that Steward printed when it started.',
        )
      }
      const owner = await users.createOwner(draft.username, draft.password)
      rmSync(file, { force: true })
      return owner
    },
  }
}

function kept(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() || undefined : undefined
}

function made(file: string): string {
  const token = randomBytes(24).toString('base64url')
  writePrivateFile(file, `${token}\n`)
  return token
}
