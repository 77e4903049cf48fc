// The teacher's board: who is where, and the same for all.
const $ = (id) => document.getElementById(id)
const key = new URLSearchParams(location.search).get('key') || ''
const code = new URLSearchParams(location.search).get('code') || ''
const cell = (text, right) => { const node = document.createElement('td'); node.textContent = text; if (right) node.className = 'n'; return node }
const time = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s) % 60).padStart(2, '0')}`
const url = new URL('live/board', location.href)
url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
url.search = new URLSearchParams({ key })
let socket, state, filled = ''
const send = (message) => socket.send(JSON.stringify(message))
const connect = () => {
  socket = new WebSocket(url)
  socket.onmessage = (event) => show(JSON.parse(event.data))
  socket.onclose = () => { if (!state || !state.refused) setTimeout(connect, 1000) }
}
const fill = (select, names, chosen) => select.replaceChildren(...names.map((name) => {
  const option = new Option((state.titles || {})[name] || name, name, false, chosen.includes(name))
  return option
}))
const show = (frame) => {
  state = frame
  if (frame.refused) { $('message').textContent = frame.refused; return }
  const opening = JSON.stringify(frame.opening)
  if (opening !== filled) {
    filled = opening
    fill($('scenario'), frame.scenarios, [frame.opening.scenario])
    $('platforms').replaceChildren($('platforms').firstElementChild, ...frame.platforms.map((name) => {
      const label = document.createElement('label'), box = document.createElement('input')
      Object.assign(box, { type: 'checkbox', name: 'platform', value: name, checked: frame.opening.platforms.includes(name) })
      label.append(box, ` ${frame.titles[name] || name} `)
      return label
    }))
    fill($('you'), ['as modelled', ...frame.platforms], [frame.opening.you || 'as modelled'])
    $('seed').value = frame.opening.seed
  }
  if (frame.error) $('message').textContent = frame.error
  $('hold').textContent = frame.held ? 'Let all go on' : 'Pause all'
  $('reveal').disabled = frame.revealed
  $('answers').replaceChildren(...(frame.answers || []).map((answer, number) => {
    const p = document.createElement('p')
    p.textContent = `${frame.questions[number].text} ${frame.questions[number].options[answer]}.`
    return p
  }))
  $('rows').replaceChildren(...frame.rows.map((row) => {
    const tr = document.createElement('tr')
    tr.append(cell(row.name), cell(row.here ? 'yes' : 'away'), cell(row.predicted ? 'yes' : 'not yet'), cell(row.right ?? '', true), cell(time(row.t), true), cell(time(row.down_s), true), cell(row.commands, true))
    return tr
  }))
}
const join = `${location.origin}/?code=${encodeURIComponent(code)}`
$('join').textContent = $('join').href = join
$('csv').href = `results/class.csv?key=${encodeURIComponent(key)}`
$('hold').onclick = () => send({ do: state.held ? 'all_run' : 'all_pause' })
$('reveal').onclick = () => send({ do: 'reveal' })
$('opening').onsubmit = (event) => {
  event.preventDefault()
  const you = $('you').value
  $('message').textContent = ''
  send({ do: 'open', opening: { scenario: $('scenario').value, platforms: new FormData($('opening')).getAll('platform'), seed: Number($('seed').value), you: you === 'as modelled' ? null : you } })
}
connect()
