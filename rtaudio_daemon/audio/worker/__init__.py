"""The process that holds one PortAudio stream: standard library and pyaudio only."""
