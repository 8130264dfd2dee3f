"""The process for one PortAudio stream; imports the standard library and pyaudio only."""
