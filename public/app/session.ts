import { signal } from '@preact/signals'
import { api, ApiError } from './api.ts'

export type User = { id: string; username: string; role: 'admin' | 'user'; mfa_enabled: boolean; email: string | null }

/** Who is signed in: undefined until asked, null when nobody is. */
export const me = signal<User | null | undefined>(undefined)

/** Whether the house is theirs to look after. */
export const isAdmin = (): boolean => me.value?.role === 'admin'

/** Why nobody could be found, when that is not simply "signed out". */
export const meProblem = signal<string | null>(null)

/** Asks the server who is here. A 401 or an unfinished set-up has already led elsewhere when it settles. */
export async function loadMe(): Promise<void> {
  meProblem.value = null
  try {
    me.value = await api.get<User>('/api/auth/me')
  } catch (error) {
    const answered = error instanceof ApiError && (error.status === 401 || error.code === 'setup_required')
    if (answered) me.value = null
    else meProblem.value = error instanceof Error ? error.message : 'The server did not answer.'
  }
}

/** Ends this session and forgets what the page knows of it. */
export async function signOut(): Promise<void> {
  await api.post('/api/auth/logout', {})
  location.assign('/login')
}
