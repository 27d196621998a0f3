export type HouseMail = { to: string; subject: string; text: string }

/**
 * How the house itself sends mail, such as a link for a forgotten password. `configured` says whether there is an account
 * that can send; `send` resolves once a server took the mail.
 */
export type Mailer = { configured: () => boolean; send: (mail: HouseMail) => Promise<void> }
