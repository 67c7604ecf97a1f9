"""What puts it together: settings, environment, urls, command, navigation, home pages."""
