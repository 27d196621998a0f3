import type { JSX } from 'preact'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { isAdmin } from '../session.ts'
import { AddressList } from './whitelist-addresses.tsx'
import { BrowserList } from './whitelist-browser.tsx'
import { FolderList } from './whitelist-folders.tsx'
import { WebList } from './whitelist-web.tsx'

/** What Steward may reach without asking each time. The lists of the house are an administrator's. */
export function WhitelistsPage(): JSX.Element {
  return (
    <SettingsFrame>
      {isAdmin() && (
        <>
          <WebList />
          <FolderList />
          <AddressList />
        </>
      )}
      <BrowserList />
    </SettingsFrame>
  )
}
