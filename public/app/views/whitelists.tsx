import type { JSX } from 'preact'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { FolderList } from './whitelist-folders.tsx'
import { WebList } from './whitelist-web.tsx'

/** What Steward may reach without asking each time. */
export function WhitelistsPage(): JSX.Element {
  return (
    <SettingsFrame>
      <WebList />
      <FolderList />
    </SettingsFrame>
  )
}
