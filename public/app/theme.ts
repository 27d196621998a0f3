import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'steward.theme'

/** The chosen theme; `first.ts` applies it before the first paint, this keeps it afterwards. */
export const theme = signal<Theme>(stored())

function stored(): Theme {
  const value = localStorage.getItem(KEY)
  return value === 'light' || value === 'dark' ? value : 'system'
}

export function chooseTheme(next: Theme): void {
  theme.value = next
  if (next === 'system') {
    localStorage.removeItem(KEY)
    delete document.documentElement.dataset['theme']
    return
  }
  localStorage.setItem(KEY, next)
  document.documentElement.dataset['theme'] = next
}
