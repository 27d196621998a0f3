import { z } from 'zod'
import { SHORTEST_PASSWORD } from '../services/passwords.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { User } from '../services/users.ts'

/** What people are called and how they show that it is them. */

export const Username = lazy(() =>
  z
    .string()
    .trim()
    .min(1)
    .max(64)
    .regex(/^[^\p{C}\s]+$/u, 'no spaces, please'),
)
/** A password that is chosen now. */
export const Password = lazy(() =>
  z.string().min(SHORTEST_PASSWORD, `at least ${SHORTEST_PASSWORD} characters`).max(1000),
)
/** One that is there already. */
export const GivenPassword = lazy(() => z.string().min(1).max(1000))
export const PasswordOnly = lazy(() => z.strictObject({ password: GivenPassword() }))
export const Code = lazy(() => z.string().max(50))

export const Me = lazy(() =>
  z.object({
    id: z.string(),
    username: z.string(),
    role: z.enum(['admin', 'user']),
    mfa_enabled: z.boolean(),
    email: z.string().nullable(),
  }),
)
export const EXAMPLE_ME = {
  id: '019a9d2e-7c1a-7000-8000-000000000001',
  username: 'anna',
  role: 'admin' as const,
  mfa_enabled: false,
  email: 'anna@example.org',
}

/** The user object. */
export const shown = ({ id, username, role, mfaEnabled, email }: User) => ({
  id,
  username,
  role,
  mfa_enabled: mfaEnabled,
  email,
})
