import { AppError } from './errors.ts'

export type HouseMail = { to: string; subject: string; text: string }

/**
 * How the house itself sends mail, such as a link for a forgotten password. `configured` says whether there is an account
 * that can send; `send` resolves once a server took the mail.
 */
export type Mailer = { configured: () => boolean; send: (mail: HouseMail) => Promise<void> }

/** Where there is none. */
export const NO_MAILER: Mailer = {
  configured: () => false,
  send: () => Promise.reject(new AppError('unavailable', 'There is no mail account that can send.')),
}
