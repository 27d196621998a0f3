// node --import loopback.mjs program: whatever it listens on is on loopback only.
import net from 'node:net'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {
  const port = Number(typeof given[0] === 'object' ? given[0]?.port : given[0])
  if (!Number.isInteger(port) || given[0]?.path) return listen.apply(this, given)
  const done = given.find((one) => typeof one === 'function')
  return listen.call(this, { port, host: '127.0.0.1' }, done)
}
