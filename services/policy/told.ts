import { AppError } from '../errors.ts'
import type { Privacy } from '../shapes/labels.ts'

/** Whether the model of a provider may be told this: the owner lists those who may hear only what is public. */
export function mayBeTold(provider: string, privacy: Privacy, publicOnly: readonly string[]): boolean {
  return privacy === 'public' || !publicOnly.includes(provider)
}

/** Throws `forbidden`, with what to do, before anything is sent. */
export function assertMayBeTold(provider: string, privacy: Privacy, publicOnly: readonly string[]): void {
  if (mayBeTold(provider, privacy, publicOnly)) return
  throw new AppError(
    'forbidden',
    `This holds what is private, and by your settings the models of ${provider} may be told only what is public. Pick a model of another provider, or change that under Settings → Security.`,
  )
}
