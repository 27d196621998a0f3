import type { JSX } from 'preact'
import { chooseTheme, theme, type Theme } from '../theme.ts'
import { IconButton } from '../ui/button.tsx'
import type { IconName } from '../ui/icons.tsx'

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const ICONS: Record<Theme, IconName> = { system: 'screen', light: 'sun', dark: 'moon' }
const NAMES: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }

/** One button that goes round: as the system, light, dark. The account page has all three side by side. */
export function ThemeSwitch(): JSX.Element {
  const now = theme.value
  return (
    <IconButton
      label={`Theme: ${NAMES[now]}. Change to ${NAMES[NEXT[now]]}`}
      icon={ICONS[now]}
      onClick={() => chooseTheme(NEXT[now])}
    />
  )
}
