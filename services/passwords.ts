import type * as Argon2 from '@node-rs/argon2'
import { AppError } from './errors.ts'

export const SHORTEST_PASSWORD = 10

/** OWASP's parameters for argon2id: 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

let library: Promise<typeof Argon2> | undefined
const argon2 = () => (library ??= import('@node-rs/argon2'))

let decoy: Promise<string> | undefined

/** An argon2id hash in PHC form. Throws `invalid` for a password that is too short. */
export async function hashPassword(password: string): Promise<string> {
  if ([...password].length < SHORTEST_PASSWORD) {
    throw new AppError('invalid', `Choose a password of at least ${SHORTEST_PASSWORD} characters.`, {
      detail: [{ path: 'password', message: `at least ${SHORTEST_PASSWORD} characters` }],
    })
  }
  return (await argon2()).hash(password, OPTIONS)
}

/** Whether the password fits. Without a hash it takes the same time and says no, so that nobody learns which names exist. */
export async function passwordFits(hash: string | undefined, password: string): Promise<boolean> {
  const { hash: make, verify } = await argon2()
  // @NOTE made for known names too, so that the first attempt after a start takes no longer for an unknown one.
  const standIn = await (decoy ??= make('a password that nobody has', OPTIONS))
  const fits = await verify(hash ?? standIn, password)
  return hash !== undefined && fits
}
