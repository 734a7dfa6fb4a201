"""What every chip on a 1-wire bus shares: the CRC and the search for ids (Maxim application notes 27 and 187).

`bus` is the pin layer's: reset(), write(bytes), read(count), read_bit(), write_bit(bit), released().
"""

ROM_BITS = 64
SEARCH_ROM = 0xF0
MAX_PASSES = 16  # ids looked for in one search: twice the probes that are kept, so that a noisy bus ends it too


def crc8(data):
    """Maxim's CRC: x^8 + x^5 + x^4 + 1, reflected, start 0; data with its CRC behind it gives 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def search(bus):
    """Yield one id (8 bytes, CRC good) or None per pass, 15 ms each, so that the loop can go on between them."""
    rom = bytearray(8)
    fork = -1  # the last bit at which the pass before went to 0 while a chip with 1 waited
    for _ in range(MAX_PASSES):
        if not bus.reset():
            return
        bus.write(bytes([SEARCH_ROM]))
        rom, fork = _walk(bus, rom, fork)
        if rom is None:
            return
        yield bytes(rom) if any(rom) and crc8(rom) == 0 else None
        if fork < 0:
            return


def _walk(bus, previous, last_fork):
    """(the next id, the last bit at which another way is left or -1); (None, -1) if everybody fell silent."""
    rom = bytearray(8)
    fork = -1
    for at in range(ROM_BITS):
        one, zero = bus.read_bit(), bus.read_bit()
        if one and zero:
            return None, -1
        if one or zero:
            bit = one
        elif at == last_fork:
            bit = 1
        else:
            bit = previous[at >> 3] >> (at & 7) & 1 if at < last_fork else 0
            if not bit:
                fork = at
        rom[at >> 3] |= bit << (at & 7)
        bus.write_bit(bit)
    return rom, fork
